"""What every service needs to be operated: settings, logs, metrics, health, lifecycle.

Imports third-party packages only; no room of the exchange may be known here.
"""

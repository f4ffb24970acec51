"""The `twilight` command: one module for each group of commands.

No logic lives here: a command parses its arguments, calls one function of a room and prints.
"""

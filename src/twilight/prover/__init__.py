"""Turns events into zero-knowledge proof records with a pool of workers."""

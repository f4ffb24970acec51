"""What the API alone knows and no log holds: the schema ``auth``. It is backed up, never rebuilt (decisions S9)."""

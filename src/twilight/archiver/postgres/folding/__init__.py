"""What events change beyond their own rows, one module for each kind of state."""

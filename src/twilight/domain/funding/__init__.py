"""The hour: one decision that charges everybody, and the records that tell of it."""

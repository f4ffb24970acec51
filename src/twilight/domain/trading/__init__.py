"""What traders do and what happens to them: opens, closes, triggers, ticks, settlements, liquidations, risk."""

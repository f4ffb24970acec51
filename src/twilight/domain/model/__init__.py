"""What everything is made of: orders, the pool, commands, events, inputs, the chain's port, numbers, formulas."""

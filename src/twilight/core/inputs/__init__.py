"""What reaches the engine: commands from the order queues, ticks from the feeders, and when one may meet the other."""

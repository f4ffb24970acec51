"""How the state outlives the process: snapshots, recovery from the log, the copy beside the loop."""

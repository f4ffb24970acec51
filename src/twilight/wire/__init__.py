"""JSON and binary codecs of commands, events and client messages: the only place that knows wire names."""

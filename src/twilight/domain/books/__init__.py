"""The state: positions and their columns, sets of triggers, exposure; `evolve` moves it, nothing else does."""

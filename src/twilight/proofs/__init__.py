"""Zero-knowledge proofs without I/O: group, transcript, commitments, circuits, prover, verifier."""

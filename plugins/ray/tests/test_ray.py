"""On a Ray cluster of two nodes: the contract, the same results as `local`, and what dies in the middle of a suite."""

"""A Safe as the keeper meets it: hashes, batches, the contract, its owners' signatures, the service between them."""

"""A Safe as the keeper meets it: hashes, batches, its contract, its owners' signatures, the service between them."""

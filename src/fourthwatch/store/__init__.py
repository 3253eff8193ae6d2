"""What must not be lost: the ledger, keys and addresses, and snapshots of what can be rebuilt. The only SQL."""

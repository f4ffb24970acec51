"""What lenders do: deposits, withdrawals, and the shares of the pool."""

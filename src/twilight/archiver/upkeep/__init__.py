"""What an operator does with the archive: rebuild, export, import, Parquet, figures. Each is one command."""

"""How times read where a page says nothing else (FORMAT_MODULE_PATH)."""

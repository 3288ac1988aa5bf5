"""One network a module, as published."""

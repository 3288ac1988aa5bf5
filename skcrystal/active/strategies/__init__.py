"""Query strategies: acquisition functions, surrogates and selection of batches."""

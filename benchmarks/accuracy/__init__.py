"""What the benchmarks of accuracy share: reading tables, fitting models in processes, results."""

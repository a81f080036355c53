"""A table in Parquet files, streamed with `TableBatches`, beside the same rows in memory."""

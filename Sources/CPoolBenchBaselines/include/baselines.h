int pgpool_baseline_placeholder(void);

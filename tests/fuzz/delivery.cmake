add_fuzz_target(sealed_frames sealed_core)
# Each run makes keys and signatures for two processes at least.
add_fuzz_target(sealed_session sealed_core RUNS_PERCENT 10)

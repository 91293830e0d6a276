# Measures cores in memory, so it links them; not part of ./scripts/bench's rows.
add_executable(bench_sealed_memory EXCLUDE_FROM_ALL tools/sealed_memory.cpp)
target_link_libraries(bench_sealed_memory PRIVATE sealed_core common_os)
add_dependencies(bench_programs bench_sealed_memory)

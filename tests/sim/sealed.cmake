add_executable(sim_sealed_test sealed_peer.cpp sealed_test.cpp sealed_world.cpp)
target_link_libraries(sim_sealed_test PRIVATE sealed_core doctest::doctest fmt::fmt)
add_test(NAME sim_sealed COMMAND sim_sealed_test)
set_tests_properties(sim_sealed PROPERTIES LABELS sim TIMEOUT 1800)

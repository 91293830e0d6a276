# What the rows about sealed datagrams are measured with. Two of these link our code: one measures cores
# in memory, the other is a load of the peer's own end, which no command line can make.
foreach(tool sealed_memory sealed_load)
  add_executable(bench_${tool} EXCLUDE_FROM_ALL tools/${tool}.cpp)
  target_link_libraries(bench_${tool} PRIVATE peer_shell)
  add_dependencies(bench_programs bench_${tool})
endforeach()

# Bare loops, and what they are measured beside: built where it is installed, like whatever the bench
# compares with.
pkg_check_modules(ENET IMPORTED_TARGET libenet)
pkg_check_modules(TOXCORE IMPORTED_TARGET toxcore)
foreach(tool_and_library sealed_loop=SODIUM handshake_arithmetic=SODIUM enet_load=ENET
                         tox_load=TOXCORE)
  string(REPLACE "=" ";" pair ${tool_and_library})
  list(GET pair 0 tool)
  list(GET pair 1 library)
  if(TARGET PkgConfig::${library})
    add_executable(bench_${tool} EXCLUDE_FROM_ALL tools/${tool}.cpp)
    target_link_libraries(bench_${tool} PRIVATE project_options PkgConfig::${library} Threads::Threads)
    add_dependencies(bench_programs bench_${tool})
  endif()
endforeach()

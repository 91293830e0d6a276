# MESSENGER_QUICK_COMPILE: what a build of everything from nothing costs. Most of it is reading the
# same headers and instantiating the same templates. The other presets compile each file by itself,
# unoptimised or not as their settings say, and so see to it that a file includes what it uses.

# For what no test measures and no simulator runs: not optimised, and some files read as one. Names
# without linkage are therefore unique in a program, not only in a file.
function(compile_as_few_files)
  if(MESSENGER_QUICK_COMPILE)
    foreach(target ${ARGN})
      target_compile_options(${target} PRIVATE -O0)
      set_target_properties(${target} PROPERTIES UNITY_BUILD ON UNITY_BUILD_BATCH_SIZE 8)
    endforeach()
  endif()
endfunction()

# For what is optimised, where the code costs more than its headers and unity would not pay. Under
# the thread sanitizer nothing is.
function(precompile_common_headers)
  if(MESSENGER_SANITIZE MATCHES thread)
    compile_as_few_files(${ARGN})
  elseif(MESSENGER_QUICK_COMPILE)
    foreach(target ${ARGN})
      target_precompile_headers(${target} PRIVATE <algorithm> <array> <chrono> <deque> <functional>
        <map> <memory> <optional> <set> <string> <string_view> <unordered_map> <utility> <variant>
        <vector> <fmt/format.h>)
    endforeach()
  endif()
endfunction()

# MESSENGER_QUICK_COMPILE: what a build of everything from nothing costs. Most of it is reading the
# same headers and instantiating the same templates, so many files are read as one: names without
# linkage are therefore unique in a library, not only in a file. The other presets compile each file
# by itself, and so see to it that a file includes what it uses.

function(compile_as_few_files)
  if(MESSENGER_QUICK_COMPILE)
    set_target_properties(${ARGN} PROPERTIES UNITY_BUILD ON UNITY_BUILD_BATCH_SIZE 20)
  endif()
endfunction()

# For what no test measures and no simulator runs.
function(compile_unoptimised)
  if(MESSENGER_QUICK_COMPILE)
    foreach(target ${ARGN})
      target_compile_options(${target} PRIVATE -O0)
    endforeach()
  endif()
endfunction()

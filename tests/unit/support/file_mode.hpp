// Permissions of files, as chmod takes them.
#pragma once

#include <doctest/doctest.h>
#include <sys/stat.h>

#include <filesystem>

namespace test {

/// Of a file that must be there.
inline unsigned mode_of(const std::filesystem::path& path) {
  struct stat found {};
  REQUIRE(::stat(path.c_str(), &found) == 0);
  return found.st_mode & 07777;
}

}  // namespace test

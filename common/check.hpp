// ENSURE: our own invariants, checked in release builds too. A failing ENSURE is a bug of ours;
// nothing that comes from network, disk or keyboard may ever reach one.
#pragma once

#include <cstdio>
#include <cstdlib>

namespace common {

[[noreturn]] inline void ensure_failed(const char* expression, const char* file, int line) {
  std::fprintf(stderr, "%s:%d: broken invariant: %s\n", file, line, expression);
  std::abort();
}

}  // namespace common

/// Aborts with the expression's text unless it holds. Never compiled out.
#define ENSURE(condition) \
  ((condition) ? void(0) : ::common::ensure_failed(#condition, __FILE__, __LINE__))

// The project's version, in one place for both programs.
#pragma once

namespace common {

inline constexpr const char* kVersion = "0.1.0";
/// Version of our own additions to the protocols (JSON's "v").
inline constexpr int kProtocolVersion = 1;

}  // namespace common

// What a client and a server of two connections answer each other, to the byte.
#pragma once

namespace test {

inline constexpr const char* k101 = "101 Authentication successful\n";
inline constexpr const char* k102 = "102 Authentication failed\n";
inline constexpr const char* k201 = "201 Build connection successful\n";
inline constexpr const char* k202 = "202 Build connection failed\n";
inline constexpr const char* k302 = "302 Message receipt successful\n";
inline constexpr const char* k303 = "303 Message delivery successful\n";
inline constexpr const char* k304 = "304 Message delivery failed\n";
inline constexpr const char* k310 = "310 Bye bye\n";
inline constexpr const char* k401 = "401 Unrecognized message\n";

}  // namespace test

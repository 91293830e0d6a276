// Requests as the programs of this world send them.
#pragma once

#include <string>
#include <string_view>

namespace test {

/// As curl, a browser or a library: a port in Host, an agent, an exact length.
inline std::string modern(std::string_view method, std::string_view target,
                          std::string_view fields = "", std::string_view body = "") {
  std::string out = std::string(method) + ' ' + std::string(target) +
                    " HTTP/1.1\r\nHost: 127.0.0.1:8080\r\nUser-Agent: test\r\n" +
                    std::string(fields);
  if (method == "POST") out += "Content-Length: " + std::to_string(body.size()) + "\r\n";
  return out + "\r\n" + std::string(body);
}

/// The field of a reader who wants JSON.
inline constexpr std::string_view kJson = "Accept: application/json\r\n";

inline std::string post(std::string_view body, std::string_view fields = "") {
  return modern("POST", "/userlist.txt", fields, body);
}

inline std::size_t characters(std::string_view text) {
  std::size_t count = 0;
  for (const char c : text)
    if ((static_cast<unsigned char>(c) & 0xc0) != 0x80) ++count;
  return count;
}

/// D0, to the byte: the length is in characters, and two line ends follow the body.
inline std::string d0_post(std::string_view body) {
  return "POST /userlist.txt HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: text/*\r\n"
         "Content-Length: " +
         std::to_string(characters(body)) + "\r\n\r\n" + std::string(body) + "\r\n\r\n";
}
inline constexpr std::string_view kD0List = "GET /userlist.txt HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n";

/// D1, to the byte: another path, Connection: close, no line end.
inline std::string d1_post(std::string_view body) {
  return "POST / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: " +
         std::to_string(characters(body)) + "\r\n\r\n" + std::string(body);
}
inline std::string d1_get(std::string_view target) {
  return "GET " + std::string(target) + " HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
}

}  // namespace test

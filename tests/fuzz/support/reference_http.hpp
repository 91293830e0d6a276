// HTTP requests read from a whole text, slowly and simply, by the rules of RFC 9112 with the strict
// choices that the registry documents. It exists to disagree with the registry's own reader, so it
// shares no code with it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace fuzz {

struct ReferenceRequest {
  std::string method;
  std::string target;
  int version_minor = 1;
  std::vector<std::pair<std::string, std::string>> fields;
  std::string body;
  bool keep_alive = true;
  bool is_old = false;
  std::string
      after_head;  // of an old program's POST: where its body ends depends on what came when
};

struct ReferenceReading {
  std::vector<ReferenceRequest> requests;  // up to one after which the connection closes
  enum class End {
    kClosed,    // the last request closes the connection
    kEnded,     // the input ended between two requests
    kRejected,  // what follows is no complete request that a strict reader takes
  } end = End::kEnded;
};

ReferenceReading read_requests(std::string_view input, std::uint16_t own_port);

}  // namespace fuzz

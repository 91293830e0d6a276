// cpp-httplib as the engine of the HTTP door: it reads a complete request from memory and writes
// the complete answer to memory. The one file of the registry that knows the library; its own
// server, with a thread a connection, is not used. One caller at a time.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "registry/http/http_api.hpp"

namespace registry::http {

/// An answer's bytes: `head`, then the body if it is kept apart.
struct EngineAnswer {
  std::string head;
  std::shared_ptr<const std::string> body;  // null: head is everything
};

class HttpEngine {
 public:
  using Handler = std::function<ApiResponse(const ApiRequest&)>;

  HttpEngine();
  ~HttpEngine();

  /// Parses the framed request, lets `handler` answer it, and returns the answer's bytes. A request
  /// that the library does not understand is answered 400 without asking the handler.
  EngineAnswer run(const FramedRequest& request, const common::IpAddress& source,
                   const common::IpAddress& local, bool keep_alive, const Handler& handler);

 private:
  class Server;
  std::unique_ptr<Server> server_;
};

}  // namespace registry::http

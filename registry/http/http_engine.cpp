#include "registry/http/http_engine.hpp"

#include <httplib.h>

#include <algorithm>
#include <array>

#include "registry/http/limits.hpp"
#include "registry/http/text.hpp"

// The library as Debian builds it has these three; without them its classes have another layout
// than in the shared object, and programs crash. pkg-config passes them.
#if !defined(CPPHTTPLIB_OPENSSL_SUPPORT) || !defined(CPPHTTPLIB_ZLIB_SUPPORT) || \
    !defined(CPPHTTPLIB_BROTLI_SUPPORT)
#error "compile with the flags of pkg-config cpp-httplib"
#endif

namespace registry::http {
namespace {

/// Bodies from this size on are referred to, not copied into the answer.
constexpr std::size_t kSharedBodyMin = 16 * 1024;

/// Fields the library must not see: framing and body are done with, a range would make it send a
/// body many times over, and compression would take more time than these short answers are worth.
constexpr std::array<std::string_view, 8> kHiddenFields = {
    "Content-Length", "Transfer-Encoding", "Content-Type",   "Content-Encoding", "Expect",
    "Range",          "Connection",        "Accept-Encoding"};

bool is_head(const FramedRequest& request) { return request.method == "HEAD"; }

/// The library states a length of nothing where there is no body. In a 304 it would be the length
/// of what was not sent (RFC 9110, 8.6), so it is left out there.
void drop_length_if_unchanged(std::string& head) {
  constexpr std::string_view kLength = "\r\nContent-Length: 0\r\n";
  if (!head.starts_with("HTTP/1.1 304 ")) return;
  const auto at = head.find(kLength);
  if (at != head.npos) head.erase(at + 2, kLength.size() - 2);
}

std::string head_for_library(const FramedRequest& request) {
  std::string head;
  head.reserve(1024);
  // The library says "Accept-Ranges" to HEAD and to nothing else: HEAD is GET without the body, so
  // that is what it is made of.
  head += is_head(request) ? "GET" : request.method;
  head += ' ';
  head += request.target;
  head += " HTTP/1.1\r\n";
  for (const HeaderField& field : request.fields) {
    const bool hidden =
        std::any_of(kHiddenFields.begin(), kHiddenFields.end(),
                    [&](std::string_view name) { return equals_ignoring_case(name, field.name); });
    if (hidden) continue;
    head += field.name;
    head += ": ";
    head += field.value;
    head += "\r\n";
  }
  head += "\r\n";
  return head;
}

/// Memory instead of a socket. A write that repeats the shared body's own bytes keeps a reference.
class MemoryStream final : public httplib::Stream {
 public:
  explicit MemoryStream(std::string input) : input_(std::move(input)) {}

  void set_shared_body(std::shared_ptr<const std::string> body) { shared_ = std::move(body); }
  EngineAnswer take_answer() {
    return {std::move(output_), is_shared_written_ ? std::move(shared_) : nullptr};
  }

  bool is_readable() const override { return true; }
  bool is_writable() const override { return true; }
  ssize_t read(char* out, std::size_t size) override {
    const std::size_t take = std::min(size, input_.size() - at_);
    std::copy_n(input_.data() + at_, take, out);
    at_ += take;
    return static_cast<ssize_t>(take);
  }
  ssize_t write(const char* data, std::size_t size) override {
    if (shared_ && data == shared_->data() && size == shared_->size()) {
      is_shared_written_ = true;
    } else {
      output_.append(data, size);
    }
    return static_cast<ssize_t>(size);
  }
  void get_remote_ip_and_port(std::string&, int&) const override {}
  void get_local_ip_and_port(std::string&, int&) const override {}
  socket_t socket() const override { return INVALID_SOCKET; }

 private:
  std::string input_;
  std::size_t at_ = 0;
  std::string output_;
  std::shared_ptr<const std::string> shared_;
  bool is_shared_written_ = false;
};

}  // namespace

class HttpEngine::Server final : public httplib::Server {
 public:
  /// What the running request's handler needs beside what the library parsed.
  struct Current {
    const FramedRequest& framed;
    const common::IpAddress& source;
    const common::IpAddress& local;
    bool keep_alive;
    const HttpEngine::Handler& handler;
    MemoryStream& stream;
  };

  Server() {
    // The library takes a server that does not listen for one that is stopping, and then leaves out
    // bodies that come from a provider. This one never owns a socket.
    svr_sock_ = 0;
    set_keep_alive_timeout(std::chrono::seconds(kIdleTime).count());
    set_keep_alive_max_count(1'000'000);
    // Every request is answered here: the core routes by path and method itself, which spares the
    // library's regular expressions and keeps the rules in one place.
    set_pre_routing_handler([this](const httplib::Request& request, httplib::Response& response) {
      answer(request, response);
      return HandlerResponse::Handled;
    });
    set_exception_handler([](const httplib::Request&, httplib::Response& response,
                             const std::exception_ptr&) {
      response.status = 500;  // security: the library would put the exception's text in a header
    });
  }

  void run(Current& current) {
    current_ = &current;
    bool closed = false;
    process_request(current.stream, !current.keep_alive, closed,
                    [](httplib::Request& request) { request.ranges.clear(); });
    current_ = nullptr;
  }

 private:
  void answer(const httplib::Request& parsed, httplib::Response& response) {
    // Fields are taken from the framing, not from the library: it percent-decodes their values.
    ApiRequest request = make_api_request(current_->framed, current_->source, current_->local);
    request.path = parsed.path;
    request.query.assign(parsed.params.begin(), parsed.params.end());
    write(current_->handler(request), response);
  }

  void write(const ApiResponse& answer, httplib::Response& response) {
    response.status = answer.status;
    for (const auto& [name, value] : answer.headers) response.set_header(name, value);
    if (!is_old(current_->framed.program)) {
      response.set_header("X-Content-Type-Options", "nosniff");
      if (current_->framed.version_minor == 0 && current_->keep_alive)
        response.set_header("Connection", "keep-alive");
    }
    if (answer.body == nullptr) return;
    if (answer.body->size() < kSharedBodyMin) {
      response.set_content(*answer.body, answer.content_type);
      return;
    }
    current_->stream.set_shared_body(answer.body);
    response.set_content_provider(
        answer.body->size(), answer.content_type,
        [body = answer.body](std::size_t offset, std::size_t length, httplib::DataSink& sink) {
          return sink.write(body->data() + offset, length);
        });
  }

  Current* current_ = nullptr;  // set while run() is
};

HttpEngine::HttpEngine() : server_(std::make_unique<Server>()) {}
HttpEngine::~HttpEngine() = default;

EngineAnswer HttpEngine::run(const FramedRequest& request, const common::IpAddress& source,
                             const common::IpAddress& local, bool keep_alive,
                             const Handler& handler) {
  MemoryStream stream(head_for_library(request));
  Server::Current current{request, source, local, keep_alive, handler, stream};
  server_->run(current);
  EngineAnswer answer = stream.take_answer();
  drop_length_if_unchanged(answer.head);
  if (is_head(request)) {
    answer.head.resize(std::min(answer.head.size(), answer.head.find("\r\n\r\n") + 4));
    answer.body.reset();
  }
  return answer;
}

}  // namespace registry::http

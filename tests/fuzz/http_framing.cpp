// The HTTP framing, held against itself and against a slow reader: one input whole, byte by byte,
// in pieces and with pauses must give the same requests, and the same as RFC 9112's rules do.
#include "registry/http/http_framing.hpp"

#include <algorithm>
#include <functional>

#include "common/check.hpp"
#include "registry/http/limits.hpp"
#include "registry/http/text.hpp"
#include "tests/fuzz/support/input.hpp"
#include "tests/fuzz/support/reference_http.hpp"
#include "tests/fuzz/support/splitmix_random.hpp"

namespace {

using namespace std::chrono_literals;
using common::TimePoint;
using registry::http::FramedRequest;
using registry::http::FramingError;
using registry::http::HttpFraming;
using registry::http::Program;
using State = HttpFraming::State;

constexpr std::uint16_t kOwnPort = 8080;

/// A request as a connection saw it, kept after its views are gone.
struct Seen {
  std::string method;
  std::string target;
  int version_minor;
  std::vector<std::pair<std::string, std::string>> fields;
  std::string body;
  bool keep_alive;
  Program program;
  bool is_body_timed;  // an old program's: its end may depend on what came when

  friend bool operator==(const Seen&, const Seen&) = default;
};

struct Transcript {
  std::vector<Seen> requests;
  enum class End { kOpen, kClosed, kEnded, kError } end = End::kOpen;
  FramingError error = FramingError::kMalformed;  // meaningful for kError
};

/// One connection as the shell drives it.
class Connection {
 public:
  Connection() : framing_(now_, kOwnPort) {}

  void receive(std::string_view bytes) {
    if (is_over()) return;
    framing_.handle_bytes(now_, bytes);
    take();
  }

  /// Time passes; the framing is told when it asked to be, and too early as well.
  void wait(common::Duration duration) {
    const TimePoint until = now_ + duration;
    while (!is_over()) {
      const auto next = framing_.next_timeout();
      if (!next || *next > until) break;
      ENSURE(*next >= now_);
      now_ = *next;
      framing_.handle_timeout(now_);
      take();
      if (framing_.next_timeout() == next) break;  // an idle connection: the shell closes it
    }
    now_ = until;
    framing_.handle_timeout(now_ - duration);
  }

  Transcript end_of_input() {
    if (!is_over()) {
      framing_.handle_end(now_);
      take();
    }
    ENSURE(is_over());
    return seen_;
  }

  Transcript silence() {
    wait(60s);
    return seen_;
  }

 private:
  bool is_over() const { return seen_.end != Transcript::End::kOpen; }

  void take() {
    while (!is_over()) {
      switch (framing_.poll(now_)) {
        case State::kNeedBytes:
          // Somebody who sends nothing more cannot hold the connection.
          ENSURE(framing_.next_timeout().has_value());
          ENSURE(framing_.poll(now_) == State::kNeedBytes);
          return;
        case State::kSendContinue:
          break;
        case State::kRequest:
          take_request(framing_.request());
          break;
        case State::kError:
          ENSURE(framing_.poll(now_) == State::kError && !framing_.next_timeout());
          seen_.error = framing_.error();
          seen_.end = Transcript::End::kError;
          break;
        case State::kEnded:
          ENSURE(framing_.is_idle());
          seen_.end = Transcript::End::kEnded;
          break;
      }
    }
  }

  void take_request(const FramedRequest& request) {
    ENSURE(request.fields.size() <= registry::http::kFieldsMax);
    ENSURE(request.body.size() <= registry::http::kBodyBytesMax);
    Seen seen{.method = std::string(request.method),
              .target = std::string(request.target),
              .version_minor = request.version_minor,
              .fields = {},
              .body = std::string(request.body),
              .keep_alive = request.keep_alive,
              .program = request.program,
              .is_body_timed = registry::http::is_old(request.program) &&
                               request.method == "POST" && !request.has_field("Transfer-Encoding")};
    for (const auto& [name, value] : request.fields) seen.fields.emplace_back(name, value);
    seen_.requests.push_back(std::move(seen));
    if (!request.keep_alive) {
      seen_.end = Transcript::End::kClosed;
      return;
    }
    framing_.consume(now_);
  }

  TimePoint now_;
  HttpFraming framing_;
  Transcript seen_;
};

std::size_t count_characters(std::string_view text) {
  return static_cast<std::size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xc0) != 0x80; }));
}

/// Both are a beginning of the same line, and neither is shorter than was declared.
void ensure_same_old_body(const Seen& a, const Seen& b) {
  const Seen& shorter = a.body.size() < b.body.size() ? a : b;
  const Seen& longer = &shorter == &a ? b : a;
  ENSURE(longer.body.starts_with(shorter.body));
  for (const auto& [name, value] : shorter.fields)
    if (name == "Content-Length" && shorter.body != longer.body)
      ENSURE(count_characters(shorter.body) >= std::stoul(value));
}

void ensure_same_request(Seen a, Seen b) {
  if (a.is_body_timed) {
    ensure_same_old_body(a, b);
    a.body = b.body;
  }
  ENSURE(a == b);
}

void ensure_same(const Transcript& whole, const Transcript& other) {
  ENSURE(whole.requests.size() == other.requests.size());
  for (std::size_t i = 0; i < whole.requests.size(); ++i)
    ensure_same_request(whole.requests[i], other.requests[i]);
  ENSURE(whole.end == other.end);
  if (whole.end == Transcript::End::kError) ENSURE(whole.error == other.error);
}

/// Slow senders get the same requests, or are refused for being slow.
void ensure_same_or_late(const Transcript& whole, const Transcript& slow) {
  if (slow.end != Transcript::End::kError || slow.error != FramingError::kTimeout) {
    if (!slow.requests.empty() && slow.requests.back().is_body_timed) return;
    return ensure_same(whole, slow);
  }
  ENSURE(slow.requests.size() <= whole.requests.size());
  for (std::size_t i = 0; i < slow.requests.size(); ++i)
    ensure_same_request(whole.requests[i], slow.requests[i]);
}

/// The body of an old program's POST: its first line, or what there was of it when as many
/// characters had come as were declared.
std::string old_body(const fuzz::ReferenceRequest& request, bool is_byte_by_byte) {
  const std::string_view text = request.after_head;
  const auto length = std::find_if(request.fields.begin(), request.fields.end(), [](auto& field) {
    return registry::http::equals_ignoring_case(field.first, "Content-Length");
  });
  for (std::size_t arrived = is_byte_by_byte ? 0 : text.size(); arrived <= text.size(); ++arrived) {
    std::string_view line = text.substr(0, arrived);
    const auto end = line.find("\r\n");
    const bool is_whole = end != line.npos || arrived == text.size();
    if (end == line.npos && line.ends_with('\r')) line.remove_suffix(1);  // half of a CRLF
    line = line.substr(0, end);
    const bool is_enough =
        length != request.fields.end() && count_characters(line) >= std::stoul(length->second);
    if (is_whole || is_enough) return std::string(line);
  }
  return {};
}

void ensure_like_reference(const Transcript& seen, const fuzz::ReferenceReading& reference,
                           bool is_byte_by_byte) {
  ENSURE(seen.requests.size() == reference.requests.size());
  for (std::size_t i = 0; i < seen.requests.size(); ++i) {
    const Seen& request = seen.requests[i];
    const fuzz::ReferenceRequest& wanted = reference.requests[i];
    ENSURE(request.method == wanted.method);
    ENSURE(request.target == wanted.target);
    ENSURE(request.version_minor == wanted.version_minor);
    ENSURE(request.fields == wanted.fields);
    ENSURE(registry::http::is_old(request.program) == wanted.is_old);
    ENSURE(request.body ==
           (request.is_body_timed ? old_body(wanted, is_byte_by_byte) : wanted.body));
    ENSURE(request.keep_alive == wanted.keep_alive);
  }
  using End = fuzz::ReferenceReading::End;
  ENSURE((seen.end == Transcript::End::kError) == (reference.end == End::kRejected));
  ENSURE((seen.end == Transcript::End::kClosed) == (reference.end == End::kClosed));
}

using Pieces = std::function<std::size_t()>;  // the next piece's length

Connection receive_in(std::string_view input, const Pieces& next_length, common::Duration pause) {
  Connection connection;
  while (!input.empty()) {
    const std::size_t length = std::min(next_length(), input.size());
    connection.receive(input.substr(0, length));
    input.remove_prefix(length);
    if (pause > 0s) connection.wait(pause);
  }
  return connection;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input = fuzz::as_input(data, size);
  const auto whole = [&] { return input.size(); };
  const auto one = [] { return std::size_t{1}; };
  // The input chooses the pieces: their lengths follow from its hash.
  fuzz::SplitmixRandom random(fuzz::hash_of(input));
  const auto some = [&] { return static_cast<std::size_t>(1 + random.below(64)); };

  const Transcript ended = receive_in(input, whole, 0s).end_of_input();
  const Transcript bytes = receive_in(input, one, 0s).end_of_input();
  ensure_same(ended, bytes);
  ensure_same(ended, receive_in(input, some, 0s).end_of_input());
  ensure_same_or_late(ended, receive_in(input, some, 400ms).end_of_input());

  const Transcript silent = receive_in(input, whole, 0s).silence();
  ensure_same(silent, receive_in(input, one, 0s).silence());
  ensure_same(silent, receive_in(input, some, 0s).silence());

  const auto reference = fuzz::read_requests(input, kOwnPort);
  ensure_like_reference(ended, reference, false);
  ensure_like_reference(bytes, reference, true);
  return 0;
}

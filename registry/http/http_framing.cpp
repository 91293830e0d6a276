#include "registry/http/http_framing.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

#include "common/check.hpp"
#include "registry/http/limits.hpp"
#include "registry/http/text.hpp"

namespace registry::http {
namespace {

using common::TimePoint;

constexpr std::string_view kCrlf = "\r\n";

/// RFC 9110, 5.6.2: the characters of methods and field names.
constexpr std::array<bool, 256> make_token_table() {
  std::array<bool, 256> table{};
  for (int c = '0'; c <= '9'; ++c) table[static_cast<std::size_t>(c)] = true;
  for (int c = 'a'; c <= 'z'; ++c) table[static_cast<std::size_t>(c)] = true;
  for (int c = 'A'; c <= 'Z'; ++c) table[static_cast<std::size_t>(c)] = true;
  for (const char c : std::string_view("!#$%&'*+-.^_`|~"))
    table[static_cast<unsigned char>(c)] = true;
  return table;
}
constexpr std::array<bool, 256> kTokenTable = make_token_table();

bool is_token(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return kTokenTable[static_cast<unsigned char>(c)];
  });
}

bool is_control(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return byte < 0x20 || byte == 0x7f;
}

/// Characters of UTF-8 text: its bytes less the continuation bytes. Old programs count their bodies
/// so.
std::size_t count_characters(std::string_view text) {
  return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xc0) != 0x80;
  }));
}

/// A field line, of the head or a trailer (RFC 9112, 5). is_token refuses "Host :", an empty name
/// and a folded line, which begins with a blank.
std::optional<HeaderField> read_field(std::string_view line) {
  const auto colon = line.find(':');
  if (colon == line.npos || !is_token(line.substr(0, colon))) return std::nullopt;
  const std::string_view value = trim_blanks(line.substr(colon + 1));
  const auto is_bad = [](char c) { return is_control(c) && c != '\t'; };
  if (std::any_of(value.begin(), value.end(), is_bad)) return std::nullopt;
  return HeaderField{line.substr(0, colon), value};
}

bool host_has_port(std::string_view host) {
  const auto colon = host.rfind(':');
  return colon != host.npos && host.find(']', colon) == host.npos;
}

}  // namespace

std::string_view FramedRequest::field(std::string_view name) const {
  for (const HeaderField& field : fields)
    if (equals_ignoring_case(field.name, name)) return field.value;
  return {};
}

std::string FramedRequest::field_list(std::string_view name) const {
  std::string list;
  for (const HeaderField& field : fields) {
    if (!equals_ignoring_case(field.name, name)) continue;
    if (!list.empty()) list += ", ";
    list += field.value;
  }
  return list;
}

bool FramedRequest::has_field(std::string_view name) const {
  return std::any_of(fields.begin(), fields.end(), [&](const HeaderField& field) {
    return equals_ignoring_case(field.name, name);
  });
}

HttpFraming::HttpFraming(TimePoint now, std::uint16_t own_port)
    : own_port_(own_port), deadline_(now + kIdleTime) {}

void HttpFraming::handle_bytes(TimePoint now, std::string_view bytes) {
  ENSURE(phase_ != Phase::kComplete);
  if (phase_ == Phase::kFailed || bytes.empty()) return;
  in_.append(bytes);
  if (phase_ == Phase::kIdle) {
    phase_ = Phase::kHead;
    deadline_ = now + kRequestTime;
  }
}

void HttpFraming::handle_end(TimePoint now) {
  ended_ = true;
  if (phase_ == Phase::kOldBody) old_body_deadline_ = now;
}

void HttpFraming::handle_timeout(TimePoint now) {
  if (!deadline_ || now < *deadline_) return;
  if (phase_ == Phase::kOldBody && old_body_deadline_ && now >= *old_body_deadline_) return;
  if (phase_ != Phase::kIdle && phase_ != Phase::kComplete) fail(FramingError::kTimeout);
}

HttpFraming::State HttpFraming::fail(FramingError error) {
  phase_ = Phase::kFailed;
  error_ = error;
  deadline_.reset();
  in_.clear();
  at_ = scanned_ = 0;
  return State::kError;
}

HttpFraming::State HttpFraming::poll(TimePoint now) {
  for (;;) {
    switch (phase_) {
      case Phase::kIdle:
        return ended_ ? State::kEnded : State::kNeedBytes;
      case Phase::kHead:
        if (const State state = find_head(now); phase_ == Phase::kHead || state == State::kError)
          return state;
        break;
      case Phase::kBody:
        if (takes_continue()) return State::kSendContinue;
        return read_body();
      case Phase::kOldBody:
        return read_old_body(now);
      case Phase::kChunks:
        if (takes_continue()) return State::kSendContinue;
        return read_chunks();
      case Phase::kComplete:
        return State::kRequest;
      case Phase::kFailed:
        return State::kError;
    }
  }
}

void HttpFraming::consume(TimePoint now) {
  in_.erase(0, end_);
  if (in_.empty()) in_.shrink_to_fit();
  at_ = scanned_ = end_ = empty_lines_ = 0;
  chunk_body_.clear();
  chunk_body_.shrink_to_fit();
  request_.fields.clear();
  old_body_deadline_.reset();
  phase_ = in_.empty() ? Phase::kIdle : Phase::kHead;
  deadline_ = now + (in_.empty() ? kIdleTime : kRequestTime);
}

// Finds the end of the head. On success phase_ tells how the body is read.
HttpFraming::State HttpFraming::find_head(TimePoint now) {
  while (in_.compare(at_, 2, kCrlf) == 0) {
    if (++empty_lines_ > kEmptyLinesMax) return fail(FramingError::kMalformed);
    at_ += 2;
    scanned_ = at_;
  }
  if (at_ == in_.size()) {  // only empty lines so far: between two requests
    in_.clear();
    at_ = scanned_ = 0;
    phase_ = Phase::kIdle;
    return State::kNeedBytes;
  }
  const auto end = in_.find("\r\n\r\n", scanned_ > at_ + 3 ? scanned_ - 3 : at_);
  const std::size_t head_bytes = (end == in_.npos ? in_.size() : end + 4) - at_;
  if (has_bare_lf(std::min(head_bytes, kHeadBytesMax))) return fail(FramingError::kMalformed);
  if (head_bytes > kHeadBytesMax) {
    const bool line_ended = in_.find(kCrlf, at_) < at_ + kHeadBytesMax;
    return fail(line_ended ? FramingError::kHeadTooLarge : FramingError::kTargetTooLong);
  }
  if (end == in_.npos) {
    scanned_ = in_.size();
    return ended_ ? fail(FramingError::kMalformed) : State::kNeedBytes;
  }
  request_ = FramedRequest{.fields = std::move(request_.fields)};
  request_.fields.clear();
  has_length_ = chunked_ = continue_wanted_ = false;
  body_bytes_ = 0;
  body_at_ = end + 4;
  parsed_at_ = in_.data();
  if (!parse_head(std::string_view(in_).substr(at_, end - at_)) || !plan_body())
    return fail(error_);
  if (phase_ == Phase::kOldBody && ended_) old_body_deadline_ = now;
  return State::kNeedBytes;
}

// A bare LF can never become part of a legal head: it is refused before the head is whole, and so
// before anything else that may be wrong with it, however the bytes were split.
bool HttpFraming::has_bare_lf(std::size_t head_bytes) const {
  const std::size_t end = at_ + head_bytes;
  for (auto i = in_.find('\n', std::max(scanned_, at_)); i < end; i = in_.find('\n', i + 1))
    if (i == at_ || in_[i - 1] != '\r') return true;
  return false;
}

bool HttpFraming::parse_head(std::string_view head) {
  error_ = FramingError::kMalformed;
  const auto line_end = head.find(kCrlf);
  if (!parse_request_line(head.substr(0, line_end))) return false;
  std::string_view rest = line_end == head.npos ? std::string_view() : head.substr(line_end + 2);
  while (!rest.empty()) {
    const auto end = rest.find(kCrlf);
    if (!parse_field(rest.substr(0, end))) return false;
    rest = end == rest.npos ? std::string_view() : rest.substr(end + 2);
  }
  return true;
}

bool HttpFraming::parse_request_line(std::string_view line) {
  const auto first = line.find(' ');
  const auto last = line.rfind(' ');
  if (first == line.npos || first == last) return false;
  request_.method = line.substr(0, first);
  request_.target = line.substr(first + 1, last - first - 1);
  const std::string_view version = line.substr(last + 1);
  // Bytes above ASCII stay legal in the target: NetChat clients send names without
  // percent-encoding.
  const auto is_bad = [](char c) { return c == ' ' || is_control(c); };
  if (!is_token(request_.method) || request_.target.empty() ||
      std::any_of(request_.target.begin(), request_.target.end(), is_bad)) {
    return false;
  }
  if (request_.target[0] != '/' && request_.target != "*") {
    // Absolute form, as proxies are sent it: RFC 9112 (3.2.2) asks servers to take it.
    constexpr std::string_view kScheme = "http://";
    if (!starts_with_ignoring_case(request_.target, kScheme)) return false;
    const auto end = request_.target.find_first_of("/?#", kScheme.size());
    const bool has_path = end != request_.target.npos && request_.target[end] == '/';
    if (request_.target.size() == kScheme.size() || end == kScheme.size()) return false;  // no host
    if (end != request_.target.npos && !has_path) return false;
    request_.target = has_path ? request_.target.substr(end) : "/";
  }
  if (version == "HTTP/1.1" || version == "HTTP/1.0") {
    request_.version_minor = version.back() - '0';
    return true;
  }
  if (version.starts_with("HTTP/")) error_ = FramingError::kUnknownVersion;
  return false;
}

bool HttpFraming::parse_field(std::string_view line) {
  if (request_.fields.size() == kFieldsMax) {
    error_ = FramingError::kHeadTooLarge;
    return false;
  }
  const auto field = read_field(line);
  if (!field) return false;
  request_.fields.push_back(*field);
  return true;
}

// Settles what the fields say of the message as a whole; error_ tells why not.
bool HttpFraming::plan_body() {
  std::size_t hosts = 0;
  std::size_t codings = 0;
  for (const HeaderField& field : request_.fields) {
    if (equals_ignoring_case(field.name, "Host")) ++hosts;
    if (equals_ignoring_case(field.name, "Transfer-Encoding")) ++codings;
    if (equals_ignoring_case(field.name, "Content-Encoding") &&
        !equals_ignoring_case(field.value, "identity")) {
      error_ = FramingError::kUnsupportedBody;
      return false;
    }
    if (equals_ignoring_case(field.name, "Content-Type") &&
        starts_with_ignoring_case(field.value, "multipart/")) {
      error_ = FramingError::kUnsupportedBody;
      return false;
    }
    if (equals_ignoring_case(field.name, "Expect")) {
      if (!equals_ignoring_case(field.value, "100-continue")) {
        error_ = FramingError::kUnmetExpectation;
        return false;
      }
      continue_wanted_ = request_.version_minor == 1;
    }
  }
  if (hosts > 1 || (hosts == 0 && request_.version_minor == 1)) return false;
  if (!plan_body_length()) return false;
  if (codings > 0) {
    if (has_length_ || codings > 1 || request_.version_minor == 0) return false;
    if (!equals_ignoring_case(request_.field("Transfer-Encoding"), "chunked")) {
      error_ = FramingError::kUnknownCoding;
      return false;
    }
    chunked_ = true;
  }
  detect_program();
  const std::string connection = request_.field_list("Connection");
  request_.keep_alive = !is_old(request_.program) && !has_token(connection, "close") &&
                        (request_.version_minor == 1 || has_token(connection, "keep-alive"));
  if (chunked_) {
    phase_ = Phase::kChunks;
    chunk_part_ = ChunkPart::kSize;
    scanned_ = end_ = body_at_;
    trailer_bytes_ = 0;
  } else if (is_old(request_.program) && request_.method == "POST") {
    phase_ = Phase::kOldBody;
  } else {
    phase_ = Phase::kBody;
  }
  return true;
}

bool HttpFraming::plan_body_length() {
  for (const HeaderField& field : request_.fields) {
    if (!equals_ignoring_case(field.name, "Content-Length")) continue;
    if (has_length_) return false;  // two lengths, even equal ones, are an attempt at something
    const std::string_view digits = field.value;
    if (digits.empty() ||
        !std::all_of(digits.begin(), digits.end(), [](char c) { return c >= '0' && c <= '9'; })) {
      return false;
    }
    const auto [end, error] =
        std::from_chars(digits.data(), digits.data() + digits.size(), body_bytes_);
    if (error != std::errc() || body_bytes_ > kBodyBytesMax) {
      error_ = FramingError::kBodyTooLarge;
      return false;
    }
    has_length_ = true;
  }
  return true;
}

void HttpFraming::detect_program() {
  constexpr std::uint16_t kHttpPort = 80;
  request_.program = Program::kModern;
  if (request_.version_minor == 0 || !request_.has_field("Host")) return;
  if (own_port_ != kHttpPort && host_has_port(request_.field("Host"))) return;
  for (const HeaderField& field : request_.fields) {
    if (starts_with_ignoring_case(field.name, "Accept")) return;
    if (equals_ignoring_case(field.name, "User-Agent")) return;
  }
  const bool closes = has_token(request_.field_list("Connection"), "close");
  request_.program = closes ? Program::kOldNetchat : Program::kOldClassic;
}

HttpFraming::State HttpFraming::complete(std::string_view body, std::size_t end) {
  if (in_.data() != parsed_at_) {  // the buffer moved while the body came: so must the views
    request_.fields.clear();
    ENSURE(parse_head(std::string_view(in_).substr(at_, body_at_ - 4 - at_)));
  }
  request_.body = body;
  end_ = end;
  phase_ = Phase::kComplete;
  deadline_.reset();
  return State::kRequest;
}

// True once, if the other side waits for the "100 Continue". One that has begun with the body does
// not wait.
bool HttpFraming::takes_continue() {
  return std::exchange(continue_wanted_, false) && in_.size() == body_at_;
}

HttpFraming::State HttpFraming::read_body() {
  if (in_.size() - body_at_ < body_bytes_)
    return ended_ ? fail(FramingError::kMalformed) : State::kNeedBytes;
  return complete(std::string_view(in_).substr(body_at_, body_bytes_), body_at_ + body_bytes_);
}

// An old program's body is its first line. It ends at a CRLF, else once as many characters have
// come as were declared (old programs count characters, so their number in bytes may be too small),
// else when the declared bytes are there and no more come for a moment, else with the end of input.
HttpFraming::State HttpFraming::read_old_body(TimePoint now) {
  const std::string_view arrived = std::string_view(in_).substr(body_at_);
  if (arrived.size() > kBodyBytesMax) return fail(FramingError::kBodyTooLarge);
  const auto line_end = arrived.find(kCrlf);
  if (line_end != arrived.npos) return complete(arrived.substr(0, line_end), in_.size());
  // A lone CR at the end is half of the CRLF that ends the line.
  const std::string_view line =
      arrived.ends_with('\r') ? arrived.substr(0, arrived.size() - 1) : arrived;
  if (has_length_ && count_characters(line) >= body_bytes_) return complete(line, in_.size());
  const bool has_minimum = !has_length_ || arrived.size() >= body_bytes_;
  // The end of input does not complete what is shorter than declared: half a port is another port.
  if (ended_ && !has_minimum) return fail(FramingError::kMalformed);
  if (has_minimum && !old_body_deadline_) old_body_deadline_ = now + kOldBodyGrace;
  if (old_body_deadline_) {
    if (now >= *old_body_deadline_) return complete(line, in_.size());
    if (!deadline_ || *old_body_deadline_ < *deadline_) deadline_ = old_body_deadline_;
  }
  return State::kNeedBytes;
}

HttpFraming::State HttpFraming::read_chunks() {
  // end_ is where the undecoded bytes begin. What has been decoded is cut out of in_ as we go, so
  // the buffer holds at most the head, one read and an unfinished line.
  for (;;) {
    if (chunk_part_ == ChunkPart::kData) {
      const std::size_t take = std::min(chunk_left_, in_.size() - end_);
      chunk_body_.append(in_, end_, take);
      in_.erase(end_, take);
      chunk_left_ -= take;
      if (chunk_left_ > 0) return ended_ ? fail(FramingError::kMalformed) : State::kNeedBytes;
      chunk_part_ = ChunkPart::kDataEnd;
    }
    const auto line_end = in_.find(kCrlf, end_);
    if (line_end == in_.npos) {
      if (in_.size() - end_ > kHeadBytesMax) return fail(FramingError::kHeadTooLarge);
      if (chunk_part_ == ChunkPart::kSize && in_.size() - end_ > kChunkDigitsMax + 1)
        return fail(FramingError::kMalformed);
      if (chunk_part_ == ChunkPart::kDataEnd && in_.size() - end_ >= 2)
        return fail(FramingError::kMalformed);
      return ended_ ? fail(FramingError::kMalformed) : State::kNeedBytes;
    }
    const std::string line = in_.substr(end_, line_end - end_);
    in_.erase(end_, line.size() + 2);
    switch (chunk_part_) {
      case ChunkPart::kDataEnd:
        if (!line.empty()) return fail(FramingError::kMalformed);
        chunk_part_ = ChunkPart::kSize;
        break;
      case ChunkPart::kTrailer:
        if (line.empty()) return complete(chunk_body_, end_);
        // Dropped, but only once it is one: a line that is no field may be a request smuggled in.
        if (!read_field(line)) return fail(FramingError::kMalformed);
        trailer_bytes_ += line.size() + 2;
        if (trailer_bytes_ > kHeadBytesMax) return fail(FramingError::kHeadTooLarge);
        break;
      default: {
        // security: hexadecimal digits alone, no sign, no extension: nothing to disagree about.
        const bool digits = !line.empty() && line.size() <= kChunkDigitsMax &&
                            line.find_first_not_of("0123456789abcdefABCDEF") == line.npos;
        if (!digits) return fail(FramingError::kMalformed);
        std::from_chars(line.data(), line.data() + line.size(), chunk_left_, 16);
        if (chunk_left_ > kBodyBytesMax - chunk_body_.size())
          return fail(FramingError::kBodyTooLarge);
        chunk_part_ = chunk_left_ == 0 ? ChunkPart::kTrailer : ChunkPart::kData;
      }
    }
  }
}

}  // namespace registry::http

#include "tests/fuzz/support/reference_http.hpp"

#include <algorithm>
#include <cctype>
#include <optional>

namespace fuzz {
namespace {

constexpr std::size_t kHeadBytesMax = 8192;
constexpr std::size_t kFieldsMax = 64;
constexpr std::size_t kBodyBytesMax = 65'536;
constexpr std::size_t kTrailerBytesMax = 8192;
constexpr int kEmptyLinesMax = 4;

using Field = std::pair<std::string, std::string>;

/// Input that is read from the front; a failed read is remembered.
struct Input {
  std::string_view rest;

  /// The line before the next CRLF, which is taken too.
  std::optional<std::string> line() {
    const auto end = rest.find("\r\n");
    if (end == rest.npos) return std::nullopt;
    std::string text(rest.substr(0, end));
    rest.remove_prefix(end + 2);
    return text;
  }
  std::optional<std::string> bytes(std::size_t count) {
    if (rest.size() < count) return std::nullopt;
    std::string text(rest.substr(0, count));
    rest.remove_prefix(count);
    return text;
  }
};

std::string to_lower(std::string text) {
  for (char& c : text)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + 32);
  return text;
}

std::string trim(std::string text) {  // OWS, RFC 9110 5.6.3
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.pop_back();
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.erase(0, 1);
  return text;
}

bool is_token(const std::string& text) {  // RFC 9110 5.6.2
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
  });
}

bool is_control(char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }

/// Every value of the fields of that name, joined as RFC 9110 5.3 says a list may be.
std::string joined(const std::vector<Field>& fields, const std::string& name) {
  std::string text;
  for (const auto& [key, value] : fields)
    if (to_lower(key) == name) text += (text.empty() ? "" : ",") + value;
  return text;
}

std::size_t count(const std::vector<Field>& fields, const std::string& name) {
  return static_cast<std::size_t>(
      std::count_if(fields.begin(), fields.end(),
                    [&](const Field& field) { return to_lower(field.first) == name; }));
}

bool has_option(const std::string& list, const std::string& option) {
  std::string item;
  for (const char c : list + ',') {
    if (c != ',') {
      item += c;
      continue;
    }
    if (to_lower(trim(item)) == option) return true;
    item.clear();
  }
  return false;
}

std::optional<Field> read_field(const std::string& line) {  // RFC 9112 5
  const auto colon = line.find(':');
  if (colon == line.npos || !is_token(line.substr(0, colon))) return std::nullopt;
  const std::string value = trim(line.substr(colon + 1));
  for (const char c : value)
    if (is_control(c) && c != '\t') return std::nullopt;
  return Field{line.substr(0, colon), value};
}

bool read_request_line(const std::string& line, ReferenceRequest& request) {  // RFC 9112 3
  std::vector<std::string> parts(1);
  for (const char c : line) {
    if (c == ' ') {
      parts.emplace_back();
    } else {
      parts.back() += c;
    }
  }
  if (parts.size() != 3 || !is_token(parts[0]) || parts[1].empty()) return false;
  if (parts[2] != "HTTP/1.1" && parts[2] != "HTTP/1.0") return false;
  if (std::any_of(parts[1].begin(), parts[1].end(), is_control)) return false;
  request.method = parts[0];
  request.target = parts[1];
  request.version_minor = parts[2] == "HTTP/1.1" ? 1 : 0;
  if (request.target[0] == '/' || request.target == "*") return true;
  // RFC 9112 3.2.2, absolute form: the authority ends at '/', '?' or '#' (RFC 3986 3.2) and is not
  // empty (RFC 9110 4.2.1). A query right after it, without a path, is refused: no client sends it.
  if (to_lower(request.target.substr(0, 7)) != "http://") return false;
  const auto end = request.target.find_first_of("/?#", 7);
  if (end == 7 || request.target.size() == 7) return false;
  if (end != std::string::npos && request.target[end] != '/') return false;
  request.target = end == std::string::npos ? "/" : request.target.substr(end);
  return true;
}

std::optional<std::string> read_chunked(Input& in) {  // RFC 9112 7.1, without extensions
  std::string body;
  while (true) {
    const auto size_line = in.line();
    if (!size_line || size_line->empty() || size_line->size() > 8) return std::nullopt;
    std::size_t size = 0;
    for (const char c : *size_line) {
      if (!std::isxdigit(static_cast<unsigned char>(c))) return std::nullopt;
      size = size * 16 + std::stoul(std::string(1, c), nullptr, 16);
    }
    if (size == 0) break;
    if (body.size() + size > kBodyBytesMax) return std::nullopt;
    const auto data = in.bytes(size);
    if (!data || in.bytes(2) != "\r\n") return std::nullopt;
    body += *data;
  }
  for (std::size_t bytes = 0;;) {  // RFC 9112 7.1.2: the trailers are field lines
    const auto line = in.line();
    if (!line) return std::nullopt;
    if (line->empty()) return body;
    bytes += line->size() + 2;
    if (bytes > kTrailerBytesMax || !read_field(*line)) return std::nullopt;
  }
}

bool is_old_program(const ReferenceRequest& request, std::uint16_t own_port) {
  if (request.version_minor == 0) return false;
  for (const auto& [name, value] : request.fields) {
    const std::string key = to_lower(name);
    if (key.starts_with("accept") || key == "user-agent") return false;
    // A colon after any bracket begins a port.
    if (key == "host" && own_port != 80 &&
        value.substr(value.rfind(']') + 1).find(':') != value.npos)
      return false;
  }
  return true;
}

/// The length that the head declares for the body; nothing if it is not legal.
std::optional<std::size_t> declared_length(const std::vector<Field>& fields) {
  if (count(fields, "content-length") == 0) return 0;
  const std::string digits = joined(fields, "content-length");
  if (digits.empty() || digits.find_first_not_of("0123456789") != digits.npos) return std::nullopt;
  std::size_t length = 0;
  for (const char c : digits) {
    length = length * 10 + static_cast<std::size_t>(c - '0');
    if (length > kBodyBytesMax) return std::nullopt;
  }
  return length;
}

bool has_acceptable_fields(const ReferenceRequest& request) {
  const auto& fields = request.fields;
  const std::size_t hosts = count(fields, "host");
  if (hosts > 1 || (hosts == 0 && request.version_minor == 1)) return false;  // RFC 9112 3.2
  for (const auto& [name, value] : fields) {
    const std::string key = to_lower(name);
    if (key == "content-encoding" && to_lower(value) != "identity") return false;
    if (key == "content-type" && to_lower(value).starts_with("multipart/")) return false;
    if (key == "expect" && to_lower(value) != "100-continue") return false;
  }
  if (count(fields, "content-length") > 1) return false;
  if (count(fields, "transfer-encoding") == 0) return true;
  // RFC 9112 6.1 and 6.3: with a length, or from HTTP/1.0, the framing is in doubt.
  return count(fields, "content-length") == 0 && request.version_minor == 1 &&
         count(fields, "transfer-encoding") == 1 &&
         to_lower(joined(fields, "transfer-encoding")) == "chunked";
}

/// An old program's body ends with its first line. Without a line's end it is whole when it has as
/// many characters, or bytes, as were declared; without a declaration, when the input ends.
bool is_whole_old_body(std::string_view text, std::size_t length) {
  if (text.find("\r\n") != text.npos || text.size() >= length) return true;
  const auto characters =
      std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xc0) != 0x80; });
  return static_cast<std::size_t>(characters) >= length;
}

std::optional<ReferenceRequest> read_request(Input& in, std::uint16_t own_port) {
  const auto head_end = in.rest.find("\r\n\r\n");
  if (head_end == in.rest.npos || head_end + 4 > kHeadBytesMax) return std::nullopt;
  ReferenceRequest request;
  if (!read_request_line(*in.line(), request)) return std::nullopt;
  for (auto line = in.line(); !line->empty(); line = in.line()) {
    const auto field = read_field(*line);
    if (!field || request.fields.size() == kFieldsMax) return std::nullopt;
    request.fields.push_back(*field);
  }
  if (!has_acceptable_fields(request)) return std::nullopt;
  const auto length = declared_length(request.fields);
  if (!length) return std::nullopt;

  request.is_old = is_old_program(request, own_port);
  const std::string connection = joined(request.fields, "connection");
  request.keep_alive = !request.is_old && !has_option(connection, "close") &&
                       (request.version_minor == 1 || has_option(connection, "keep-alive"));
  std::optional<std::string> body;
  if (count(request.fields, "transfer-encoding") > 0) {
    body = read_chunked(in);
  } else if (request.is_old && request.method == "POST") {
    if (is_whole_old_body(in.rest, *length)) body = "";
    request.after_head = in.rest;
  } else {
    body = in.bytes(*length);
  }
  if (!body) return std::nullopt;
  request.body = *body;
  return request;
}

}  // namespace

ReferenceReading read_requests(std::string_view input, std::uint16_t own_port) {
  ReferenceReading reading;
  Input in{input};
  while (true) {
    for (int empty = 0; in.rest.starts_with("\r\n"); in.rest.remove_prefix(2)) {
      if (++empty > kEmptyLinesMax) {
        reading.end = ReferenceReading::End::kRejected;
        return reading;
      }
    }
    if (in.rest.empty()) return reading;
    auto request = read_request(in, own_port);
    if (!request) {
      reading.end = ReferenceReading::End::kRejected;
      return reading;
    }
    reading.requests.push_back(*std::move(request));
    if (!reading.requests.back().keep_alive) {
      reading.end = ReferenceReading::End::kClosed;
      return reading;
    }
  }
}

}  // namespace fuzz

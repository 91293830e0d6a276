#include "tests/fuzz/support/http_answer.hpp"

#include <algorithm>

#include "common/check.hpp"

namespace fuzz {
namespace {

std::string to_lower(std::string_view text) {
  std::string lower(text);
  for (char& c : lower)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + 32);
  return lower;
}

bool is_name_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-';
}

std::string take_head_line(std::string_view& rest) {
  const auto end = rest.find("\r\n");
  ENSURE(end != rest.npos);
  const std::string line(rest.substr(0, end));
  rest.remove_prefix(end + 2);
  for (const char c : line) ENSURE(c >= ' ' && c <= '~');  // we send no other characters in a head
  return line;
}

}  // namespace

std::string HttpAnswer::field(std::string_view name) const {
  std::string found;
  int count = 0;
  for (const auto& [key, value] : fields) {
    if (to_lower(key) != to_lower(name)) continue;
    found = value;
    ++count;
  }
  ENSURE(count <= 1);
  return found;
}

HttpAnswer ensure_one_answer(std::string_view bytes, std::string_view method) {
  HttpAnswer answer;
  const std::string status_line = take_head_line(bytes);
  ENSURE(status_line.starts_with("HTTP/1.1 ") && status_line.size() > 13);
  ENSURE(status_line[12] == ' ');
  for (const char c : status_line.substr(9, 3)) ENSURE(c >= '0' && c <= '9');
  answer.status = std::stoi(status_line.substr(9, 3));
  ENSURE(answer.status >= 200 && answer.status <= 599);

  for (std::string line = take_head_line(bytes); !line.empty(); line = take_head_line(bytes)) {
    const auto colon = line.find(": ");
    ENSURE(colon != line.npos && colon > 0);
    const std::string name = line.substr(0, colon);
    ENSURE(std::all_of(name.begin(), name.end(), is_name_character));
    answer.fields.emplace_back(name, line.substr(colon + 2));
  }
  answer.body = std::string(bytes);
  ENSURE(answer.field("Transfer-Encoding").empty() && answer.field("Content-Encoding").empty());
  const std::string length = answer.field("Content-Length");
  const bool has_no_body = method == "HEAD" || answer.status == 204 || answer.status == 304;
  if (!has_no_body || !length.empty()) {
    ENSURE(!length.empty() && length.find_first_not_of("0123456789") == length.npos);
    if (!has_no_body) ENSURE(std::stoul(length) == answer.body.size());
  }
  if (has_no_body) ENSURE(answer.body.empty());
  return answer;
}

}  // namespace fuzz

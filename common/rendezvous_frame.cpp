#include "common/rendezvous_frame.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "common/check.hpp"

namespace common {
namespace {

struct Spelling {
  RendezvousKeyword keyword;
  std::string_view text;
};
constexpr std::array<Spelling, 20> kSpellings = {
    {{RendezvousKeyword::kRegister, "REGISTER"},
     {RendezvousKeyword::kHello, "HELLO"},
     {RendezvousKeyword::kSearch, "SEARCH"},
     {RendezvousKeyword::kFound, "FOUND"},
     {RendezvousKeyword::kNotFound, "NOTFOUND"},
     {RendezvousKeyword::kInvalidSearch, "INVALIDSEARCH"},
     {RendezvousKeyword::kChatRequest, "CHATREQUEST"},
     {RendezvousKeyword::kBusy, "BUSY"},
     {RendezvousKeyword::kOk, "OK"},
     {RendezvousKeyword::kClientOk, "CLIENTOK"},
     {RendezvousKeyword::kReject, "REJECT"},
     {RendezvousKeyword::kMessage, "MESSAGE"},
     {RendezvousKeyword::kExit, "EXIT"},
     {RendezvousKeyword::kClientExit, "CLIENTEXIT"},
     {RendezvousKeyword::kGroupChat, "GROUPCHAT"},
     {RendezvousKeyword::kOkGroup, "OKGROUP"},
     {RendezvousKeyword::kRejectGroup, "REJECTGROUP"},
     {RendezvousKeyword::kExitGroup, "EXITGROUP"},
     {RendezvousKeyword::kLogout, "LOGOUT"},
     {RendezvousKeyword::kLogoutSuccess, "LOGOUTSUCCESS"}}};

bool is_capital(char c) { return c >= 'A' && c <= 'Z'; }

std::string_view trim_blanks(std::string_view text) {
  while (text.starts_with(' ')) text.remove_prefix(1);
  while (text.ends_with(' ')) text.remove_suffix(1);
  return text;
}

std::vector<std::string_view> split_fields(std::string_view text) {
  std::vector<std::string_view> fields;
  while (!text.empty()) {
    const auto bar = text.find('|');
    fields.push_back(trim_blanks(text.substr(0, bar)));
    text = bar == text.npos ? std::string_view() : text.substr(bar + 1);
  }
  return fields;
}

}  // namespace

std::string_view to_string(RendezvousKeyword keyword) {
  for (const Spelling& spelling : kSpellings)
    if (spelling.keyword == keyword) return spelling.text;
  return {};
}

RendezvousData parse_rendezvous_data(std::string_view data) {
  RendezvousData parsed{.keyword = RendezvousKeyword::kNone, .text = data, .fields = {}};
  if (!data.starts_with("&&")) return parsed;
  const auto end = std::find_if_not(data.begin() + 2, data.end(), is_capital);
  const auto word = data.substr(2, static_cast<std::size_t>(end - data.begin()) - 2);
  if (word.empty() || !data.substr(2 + word.size()).starts_with("&&")) return parsed;
  parsed.keyword = RendezvousKeyword::kUnknown;
  for (const Spelling& spelling : kSpellings)
    if (spelling.text == word) parsed.keyword = spelling.keyword;
  // The bar is missing in one place of the printed original.
  parsed.text = data.substr(word.size() + 4);
  if (parsed.text.starts_with('|')) parsed.text.remove_prefix(1);
  parsed.fields = split_fields(parsed.text);
  return parsed;
}

std::string format_rendezvous_data(RendezvousKeyword keyword,
                                   std::initializer_list<std::string_view> fields) {
  std::string data = fmt::format("&&{}&&", to_string(keyword));
  for (const std::string_view field : fields) {
    data += '|';
    data += field;
  }
  return data;
}

std::string encode_rendezvous_frame(std::string_view data) {
  ENSURE(data.size() <= kRendezvousDataBytesMax);
  return fmt::format(" {:<4}{}", data.size(), data);
}

std::string encode_rendezvous_register(std::string_view name, std::uint16_t port) {
  const std::string data =
      format_rendezvous_data(RendezvousKeyword::kRegister, {name, fmt::format("{}", port)});
  ENSURE(data.size() <= kRendezvousDataBytesMax);
  return fmt::format("{:<5}{}", data.size(), data);
}

std::string encode_rendezvous_pair(std::string_view cause, std::string_view data) {
  return encode_rendezvous_frame(cause) + encode_rendezvous_frame(data);
}

std::string_view to_string(RendezvousError error) {
  return error == RendezvousError::kBadHeader ? "bad_header" : "overlong_frame";
}

expected<std::size_t, RendezvousError> parse_rendezvous_header(std::string_view header) {
  if (header.size() != kRendezvousHeaderBytes) return unexpected{RendezvousError::kBadHeader};
  const std::string_view digits = trim_blanks(header);
  if (digits.empty()) return unexpected{RendezvousError::kBadHeader};
  std::size_t size = 0;
  for (const char c : digits) {
    if (c < '0' || c > '9') return unexpected{RendezvousError::kBadHeader};
    size = size * 10 + static_cast<std::size_t>(c - '0');
  }
  if (size > kRendezvousDataBytesMax) return unexpected{RendezvousError::kTooLong};
  return size;
}

std::optional<std::string_view> decode_rendezvous_datagram(std::string_view datagram) {
  if (datagram.size() < kRendezvousHeaderBytes || datagram.size() > kRendezvousDatagramBytesMax)
    return std::nullopt;
  const auto size = parse_rendezvous_header(datagram.substr(0, kRendezvousHeaderBytes));
  datagram.remove_prefix(kRendezvousHeaderBytes);
  if (!size || datagram.size() < *size) return std::nullopt;
  return datagram.substr(0, *size);
}

void RendezvousSplitter::push(std::string_view bytes) {
  if (error_) return;
  buffer_.erase(0, at_);
  at_ = 0;
  buffer_ += bytes;
}

std::optional<std::string> RendezvousSplitter::next() {
  const std::string_view rest = std::string_view(buffer_).substr(at_);
  if (error_ || rest.size() < kRendezvousHeaderBytes) return std::nullopt;
  const auto size = parse_rendezvous_header(rest.substr(0, kRendezvousHeaderBytes));
  if (!size) {
    error_ = size.error();
    buffer_.clear();
    at_ = 0;
    return std::nullopt;
  }
  if (rest.size() - kRendezvousHeaderBytes < *size) return std::nullopt;
  at_ += kRendezvousHeaderBytes + *size;
  return std::string(rest.substr(kRendezvousHeaderBytes, *size));
}

std::string harmless_rendezvous_text(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    out += text[i];
    const bool begins_keyword =
        text[i] == '&' && i + 2 < text.size() && text[i + 1] == '&' && is_capital(text[i + 2]);
    if (begins_keyword) out += ' ';
  }
  return out;
}

}  // namespace common

// Any bytes as a stream, a datagram, a header, data and a text of the rendezvous dialect.
#include "common/rendezvous_frame.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "common/check.hpp"
#include "tests/fuzz/support/input.hpp"

namespace {

using common::RendezvousKeyword;

std::vector<std::string> frames_of(std::string_view stream, std::size_t piece) {
  common::RendezvousSplitter splitter;
  std::vector<std::string> frames;
  while (!stream.empty()) {
    splitter.push(stream.substr(0, piece));
    stream.remove_prefix(std::min(piece, stream.size()));
    while (auto data = splitter.next()) {
      ENSURE(data->size() <= common::kRendezvousDataBytesMax);
      frames.push_back(*std::move(data));
    }
  }
  frames.push_back(splitter.error()     ? std::string(to_string(*splitter.error()))
                   : splitter.is_idle() ? "idle"
                                        : "waiting");
  return frames;
}

void check_stream(std::string_view stream) {
  const auto whole = frames_of(stream, stream.size());
  ENSURE(frames_of(stream, 1) == whole);
  ENSURE(frames_of(stream, 2 + fuzz::hash_of(stream) % 16) == whole);
  // What was read is written again, and read again as the same.
  std::string again;
  for (std::size_t i = 0; i + 1 < whole.size(); ++i)
    again += common::encode_rendezvous_frame(whole[i]);
  auto expected = whole;
  expected.back() = "idle";
  ENSURE(frames_of(again, again.size()) == expected);
}

void check_data(std::string_view data) {
  const auto parsed = common::parse_rendezvous_data(data);
  ENSURE(data.ends_with(parsed.text));
  if (parsed.keyword == RendezvousKeyword::kNone) {
    ENSURE(parsed.text == data && parsed.fields.empty());
    return;
  }
  for (const std::string_view field : parsed.fields) {
    ENSURE(field.find('|') == field.npos);
    ENSURE(!field.starts_with(' ') && !field.ends_with(' '));
  }
  const auto bars = static_cast<std::size_t>(std::count(data.begin(), data.end(), '|'));
  ENSURE(parsed.fields.size() <= bars + 1);
  if (parsed.keyword == RendezvousKeyword::kUnknown) return;
  const std::string again = common::format_rendezvous_data(parsed.keyword, {parsed.text});
  const auto twice = common::parse_rendezvous_data(again);
  ENSURE(twice.keyword == parsed.keyword && twice.text == parsed.text &&
         twice.fields == parsed.fields);
}

void check_text(std::string_view text) {
  const std::string harmless = common::harmless_rendezvous_text(text);
  ENSURE(common::harmless_rendezvous_text(harmless) == harmless);
  for (std::size_t i = 0; i + 2 < harmless.size(); ++i) {
    ENSURE(harmless.compare(i, 2, "&&") != 0 || harmless[i + 2] < 'A' || harmless[i + 2] > 'Z');
  }
  // Nothing but blanks is put in, and nothing taken out.
  std::string_view rest = text;
  for (const char c : harmless) {
    if (rest.starts_with(c)) {
      rest.remove_prefix(1);
    } else {
      ENSURE(c == ' ');
    }
  }
  ENSURE(rest.empty());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input = fuzz::as_input(data, size);
  check_stream(input);
  check_data(input);
  check_text(input);
  if (const auto frame = common::decode_rendezvous_datagram(input)) {
    ENSURE(frame->size() + common::kRendezvousHeaderBytes <= common::kRendezvousDatagramBytesMax);
    check_data(*frame);
  }
  const auto header = common::parse_rendezvous_header(input.substr(0, 5));
  if (header) {
    const std::string again = common::encode_rendezvous_frame(std::string(*header, 'x'));
    const auto twice = common::parse_rendezvous_header(again.substr(0, 5));
    ENSURE(twice.has_value() && *twice == *header);
  }
  return 0;
}

#include "peer/sealed/outbox.hpp"

#include <algorithm>

#include "common/check.hpp"

namespace peer::sealed {
namespace {

constexpr std::size_t kRingPlacesMin = 8;
/// A place that is used again keeps the memory of its body up to this size.
constexpr std::size_t kKeptBodyBytes = 2048;

}  // namespace

bool Outbox::try_push(const NewMessage& message) {
  ENSURE(message.body.size() <= body_bytes_max(message.kind));
  if (end_ - floor_ == kUnfinishedMessagesMax) return false;
  if (queued_bytes_ + message.body.size() > kQueuedBytesMax) return false;
  if (end_ - floor_ == ring_.size()) make_room();
  Outgoing& place = at(end_);
  place.kind = message.kind;
  place.level = message.level;
  place.is_finished = false;
  place.fragments_sent = 0;
  place.acked = 0;
  place.id = message.id;
  place.tag = message.tag;
  place.body.assign(message.body.begin(), message.body.end());
  place.deadline = message.deadline;
  queued_bytes_ += message.body.size();
  ++unfinished_;
  ++end_;
  if (!next_deadline_ || message.deadline < *next_deadline_) next_deadline_ = message.deadline;
  return true;
}

void Outbox::make_room() {
  std::vector<Outgoing> larger(std::max(2 * ring_.size(), kRingPlacesMin));
  for (std::uint64_t i = floor_; i < end_; ++i) larger[i & (larger.size() - 1)] = std::move(at(i));
  ring_ = std::move(larger);
}

bool Outbox::has_content() const {
  for (const Carried& carried : lost_)
    for (std::uint64_t number = carried.first; number < carried.first + carried.count; ++number)
      if (is_wanted(number, carried.fragment)) return true;
  return next_new_ < end_ && may_begin(at(next_new_));
}

// What was begun goes on; another is begun when the other side is bound to have room for it.
bool Outbox::may_begin(const Outgoing& message) const {
  if (message.is_finished || message.was_sent() || under_way_bytes_ == 0) return true;
  if (message.is_in_parts() && under_way_parts_ == kReassembliesMax) return false;
  return under_way_bytes_ + message.body.size() <= kUnfinishedBytesMax;
}

bool Outbox::is_wanted(std::uint64_t number, std::uint8_t fragment) const {
  if (number < floor_) return false;
  const Outgoing& message = at(number);
  const unsigned bit = fragment == Carried::kWhole ? 0 : fragment;
  return !message.is_finished && ((message.acked >> bit) & 1) == 0;
}

// The next run of lost content that is still wanted, without what is not.
std::optional<Carried> Outbox::next_resend() {
  while (!lost_.empty()) {
    Carried& front = lost_.front();
    while (front.count > 0 && !is_wanted(front.first, front.fragment)) {
      ++front.first;
      --front.count;
    }
    if (front.count > 0) {
      Carried run = front;
      run.count = 1;
      while (run.count < front.count && is_wanted(front.first + run.count, Carried::kWhole))
        ++run.count;
      return run;
    }
    lost_.pop_front();
  }
  return std::nullopt;
}

std::optional<Carried> Outbox::write_content(common::TimePoint now, SpanWriter& out) {
  if (const auto run = next_resend()) {
    const auto carried = run->fragment == Carried::kWhole
                             ? write_whole(now, run->first, run->first + run->count, out)
                             : write_fragment(now, run->first, run->fragment, out);
    if (carried) {
      Carried& front = lost_.front();
      front.first += carried->count;
      front.count = static_cast<std::uint16_t>(front.count - carried->count);
    }
    return carried;
  }
  while (next_new_ < end_ && at(next_new_).is_finished) ++next_new_;  // given up before it left
  if (next_new_ == end_ || !may_begin(at(next_new_))) return std::nullopt;
  Outgoing& message = at(next_new_);
  if (!message.is_in_parts()) return write_whole(now, next_new_, end_, out);
  return write_fragment(now, next_new_, message.fragments_sent, out);
}

std::optional<Carried> Outbox::write_whole(common::TimePoint now, std::uint64_t first,
                                           std::uint64_t end, SpanWriter& out) {
  Carried carried{.first = first, .count = 0, .fragment = Carried::kWhole};
  for (std::uint64_t number = first; number < end && carried.count < per_datagram_max_; ++number) {
    Outgoing& message = at(number);
    if (message.is_finished || message.is_in_parts() || !may_begin(message)) break;
    const std::size_t head = carried.count == 0 ? kStreamFrameBytes : 0;
    if (out.room() < head + kMessageHeadBytes + message.body.size()) break;
    if (carried.count == 0)
      encode_stream(out, {stream_, floor_, static_cast<std::uint16_t>(first - floor_)});
    encode_message(out, {message.kind, message.level, message.id, message.body});
    note_sent(now, message, 1);
    ++carried.count;
  }
  if (carried.count == 0) return std::nullopt;
  next_new_ = std::max(next_new_, first + carried.count);
  return carried;
}

std::optional<Carried> Outbox::write_fragment(common::TimePoint now, std::uint64_t number,
                                              std::uint8_t index, SpanWriter& out) {
  Outgoing& message = at(number);
  const std::size_t size = fragment_size(message.body.size(), index);
  if (out.room() < kStreamFrameBytes + kFragmentHeadBytes + size) return std::nullopt;
  encode_stream(out, {stream_, floor_, static_cast<std::uint16_t>(number - floor_)});
  encode_fragment(out,
                  {.kind = message.kind,
                   .level = message.level,
                   .id = message.id,
                   .total = static_cast<std::uint32_t>(message.body.size()),
                   .index = index,
                   .bytes = common::Bytes(message.body).subspan(index * kFragmentBytes, size)});
  if (index == message.fragments_sent) note_sent(now, message, index + 1u);
  if (number == next_new_ && message.is_all_sent()) ++next_new_;
  return Carried{.first = number, .count = 1, .fragment = index};
}

void Outbox::note_sent(common::TimePoint now, Outgoing& message, std::size_t parts) {
  if (!message.was_sent()) {
    message.sent_at = now;
    ++unfinished_sent_;
    under_way_bytes_ += message.body.size();
    if (message.is_in_parts()) ++under_way_parts_;
  }
  message.fragments_sent = static_cast<std::uint8_t>(parts);
}

void Outbox::write_stream(SpanWriter& out) const { encode_stream(out, {stream_, floor_, 0}); }

void Outbox::handle_acked(const Carried& carried) {
  for (std::uint64_t number = std::max(carried.first, floor_);
       number < carried.first + carried.count; ++number)
    at(number).acked |= std::uint64_t{1}
                        << (carried.fragment == Carried::kWhole ? 0 : carried.fragment);
}

void Outbox::handle_lost(const Carried& carried) {
  if (carried.count > 0 && carried.first + carried.count > floor_) lost_.push_back(carried);
}

void Outbox::resend_all() {
  lost_.clear();
  for (std::uint64_t number = floor_; number < end_; ++number) {
    Outgoing& message = at(number);
    if (message.is_finished || !message.was_sent()) continue;
    message.acked = 0;
    if (!message.is_in_parts()) {
      const bool joins = !lost_.empty() && lost_.back().fragment == Carried::kWhole &&
                         lost_.back().first + lost_.back().count == number;
      if (joins) {
        ++lost_.back().count;
      } else {
        lost_.push_back({.first = number, .count = 1, .fragment = Carried::kWhole});
      }
      continue;
    }
    for (std::uint8_t index = 0; index < message.fragments_sent; ++index)
      lost_.push_back({.first = number, .count = 1, .fragment = index});
  }
}

std::optional<common::TimePoint> Outbox::next_timeout() const {
  return unfinished_ == 0 ? std::nullopt : next_deadline_;
}

Outbox::Finished Outbox::finish(Outgoing& message, bool is_delivered) {
  message.is_finished = true;
  --unfinished_;
  if (message.was_sent()) {
    --unfinished_sent_;
    under_way_bytes_ -= message.body.size();
    if (message.is_in_parts()) --under_way_parts_;
  }
  queued_bytes_ -= message.body.size();
  const Finished finished{.id = message.id,
                          .tag = message.tag,
                          .level = message.level,
                          .is_delivered = is_delivered,
                          .was_sent = message.was_sent(),
                          .sent_at = message.sent_at,
                          .deadline = message.deadline};
  message.body.clear();
  if (message.body.capacity() > kKeptBodyBytes) message.body.shrink_to_fit();
  return finished;
}

void Outbox::raise_floor() {
  while (floor_ < end_ && at(floor_).is_finished) ++floor_;
  next_new_ = std::max(next_new_, floor_);
}

}  // namespace peer::sealed

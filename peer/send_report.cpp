#include "peer/send_report.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <utility>

#include "common/check.hpp"
#include "peer/severity.hpp"

namespace peer {

using common::ExitStatus;

void SendReport::end_command() {
  tally_->has_ended = true;
  settle(*tally_);
}

// Once everything about a command is known: its part in the run's status.
void SendReport::settle(const Tally& tally) {
  if (!tally.has_ended || tally.awaited > 0 || tally.unknown + tally.failed == 0) return;
  if (tally.delivered > 0) return report(ExitStatus::kSomeMissed);
  if (tally.failed == 0) return report(ExitStatus::kNoUser);
  report(tally.worst == ExitStatus::kOk ? ExitStatus::kTemporary : tally.worst);
}

void SendReport::report(ExitStatus status) { status_ = worse_of(status_, status); }

// Of a recipient of a classic datagram, or one whom the registry has handed it to.
SendReport::Print SendReport::sent_line(const std::string& name) const {
  if (json_) return {to_json(name, {.level = DeliveryLevel::kSent}, false)};
  return {"message is sent to " + name};
}

void SendReport::tell_handed_on(const std::string& name) {
  ++tally_->delivered;
  output_.push_back(sent_line(name));
}

void SendReport::tell_unknown(const std::string& name) {
  ++tally_->unknown;
  output_.push_back(
      json_ ? Print{to_json(name, {.status = ExitStatus::kNoUser, .reason = "not found"}, false)}
            : Print{fmt::format("user {} is not found", name)});
}

// In `lines`, of a recipient who did not get it, or of whom nobody knows (`may_arrive`).
void SendReport::tell_missed(std::vector<Output>& lines, Tally& tally, const std::string& name,
                             ExitStatus status, std::string_view reason, bool may_arrive) const {
  ++tally.failed;
  tally.worst = worse_of(tally.worst, status);
  if (json_)
    lines.push_back(Print{to_json(name, {.status = status, .reason = std::string(reason)}, false)});
  lines.push_back(
      Complain{fmt::format("message to {} was not {}: {}", name,
                           may_arrive ? "confirmed, and may arrive" : "delivered", reason)});
}

void SendReport::tell_missed(const std::string& name, ExitStatus status, std::string_view reason,
                             bool may_arrive) {
  std::vector<Output> lines;
  tell_missed(lines, *tally_, name, status, reason, may_arrive);
  std::move(lines.begin(), lines.end(), std::back_inserter(output_));
}

void SendReport::await_results(std::vector<std::string> names) {
  ++tally_->awaited;
  output_.push_back(Awaited{.names = std::move(names), .tally = tally_});
}

void SendReport::handle_sent(std::span<const SendResult> results) {
  const auto it = std::find_if(output_.begin(), output_.end(), [](const Output& output) {
    return std::holds_alternative<Awaited>(output);
  });
  ENSURE(it != output_.end());
  const Awaited awaited = std::get<Awaited>(std::move(*it));
  ENSURE(results.size() == awaited.names.size());
  Tally& tally = *awaited.tally;
  std::vector<Output> lines;
  for (std::size_t i = 0; i < results.size(); ++i) {
    const std::string& name = awaited.names[i];
    if (results[i].empty()) {
      ++tally.delivered;
      lines.push_back(sent_line(name));
    } else {
      tell_missed(lines, tally, name, ExitStatus::kTemporary, results[i], /*may_arrive=*/false);
    }
  }
  // The first line takes the place that was kept, which is enough for most. (Inserting nothing
  // would still move what lies behind onto itself.)
  *it = std::move(lines.front());
  if (lines.size() > 1) {
    output_.insert(it + 1, std::make_move_iterator(lines.begin() + 1),
                   std::make_move_iterator(lines.end()));
  }
  --tally.awaited;
  settle(tally);
}

std::uint64_t SendReport::await_delivery(std::string name, bool is_ask) {
  const auto place =
      std::make_shared<Sealed>(Sealed{.name = std::move(name), .tally = tally_, .is_ask = is_ask});
  sealed_.emplace(++last_ticket_, place);
  ++tally_->awaited;
  output_.push_back(place);
  return last_ticket_;
}

void SendReport::handle_delivery(std::uint64_t ticket, Delivery delivery) {
  const auto it = sealed_.find(ticket);
  ENSURE(it != sealed_.end());
  const auto place = it->second;
  sealed_.erase(it);
  Tally& tally = *place->tally;
  if (delivery.status == ExitStatus::kOk) {
    ++tally.delivered;
    if (has_hook_status_ || place->is_ask) {
      if (hook_status_ == 0) hook_status_ = delivery.hook_status.value_or(0);
    }
  } else {
    ++tally.failed;
    tally.worst = worse_of(tally.worst, delivery.status);
  }
  place->delivery = std::move(delivery);
  --tally.awaited;
  settle(tally);
}

void SendReport::tell(const Sealed& sealed, std::deque<Output>& lines) const {
  const Delivery& delivery = *sealed.delivery;
  if (json_) lines.push_back(Print{to_json(sealed.name, delivery, true)});
  if (delivery.status != ExitStatus::kOk) {
    lines.push_back(Complain{fmt::format(
        "message to {} was {}{}", sealed.name,
        delivery.has_arrived ? "delivered, but " : "not delivered: ", delivery.reason)});
    return;
  }
  if (!json_ && sealed.is_ask) {
    lines.push_back(Write{delivery.output});
  } else if (!json_) {
    lines.push_back(Print{"message is sent to " + sealed.name});
  }
  if (!delivery.reason.empty())
    lines.push_back(Complain{fmt::format("{}: {}", sealed.name, delivery.reason)});
}

std::optional<SendReport::Line> SendReport::poll_line() {
  if (output_.empty()) return std::nullopt;
  if (const auto* place = std::get_if<std::shared_ptr<Sealed>>(&output_.front());
      place != nullptr && (*place)->delivery) {
    std::deque<Output> lines;
    tell(**place, lines);
    output_.pop_front();
    output_.insert(output_.begin(), std::make_move_iterator(lines.begin()),
                   std::make_move_iterator(lines.end()));
  }
  Output& front = output_.front();
  std::optional<Line> line;
  if (auto* print = std::get_if<Print>(&front)) {
    line = std::move(*print);
  } else if (auto* write = std::get_if<Write>(&front)) {
    line = std::move(*write);
  } else if (auto* complain = std::get_if<Complain>(&front)) {
    line = std::move(*complain);
  }
  if (line) output_.pop_front();
  return line;
}

}  // namespace peer

// What people are told of sealed messages and of keys, in words. A core.
#pragma once

#include <string>
#include <string_view>

#include "peer/delivery.hpp"
#include "peer/sealed/messenger.hpp"
#include "peer/sealed/pin_gate.hpp"

namespace peer {

/// Whose keys they are, and where: what commands in the texts are made of.
struct KeyContext {
  std::string self;
  std::string registry;          // as typed
  std::string known_peers_path;  // empty: pins are not kept
};

/// The command by which a person says that this key is the name's.
std::string trust_command(const KeyContext& context, const common::UserName& name,
                          const common::IdentityKey& identity);

/// What became of a message, as `send` tells it. `timeout` is what it had.
Delivery describe(const sealed::Messenger::Outcome& outcome, const sealed::PinGate& pins,
                  common::Duration timeout);

/// A line, or some, for standard error.
std::string describe(const sealed::PinGate::Alarm& alarm, const KeyContext& context);
/// Of a stranger whom nobody could be asked about.
std::string describe_stranger(const common::Certificate& stranger, const KeyContext& context);

}  // namespace peer

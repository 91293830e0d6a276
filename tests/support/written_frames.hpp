// Decoded frames as bytes again: what was accepted has one encoding.
#pragma once

#include "peer/sealed/frames.hpp"

namespace test {

/// Writes all that `frames` has, in the order that a sender keeps.
inline void write_frames(peer::sealed::SpanWriter& writer, const peer::sealed::Frames& frames) {
  if (frames.ack) encode_ack(writer, *frames.ack, writer.room());
  if (frames.delivered) encode_delivered(writer, *frames.delivered);
  if (frames.challenge) encode_challenge(writer, *frames.challenge);
  if (frames.response) encode_response(writer, *frames.response);
  if (frames.close) encode_close(writer, *frames.close);
  if (frames.stream) encode_stream(writer, *frames.stream);
  peer::sealed::MessageRun messages = frames.messages;
  while (const auto message = messages.next()) encode_message(writer, *message);
  if (frames.fragment) encode_fragment(writer, *frames.fragment);
}

}  // namespace test

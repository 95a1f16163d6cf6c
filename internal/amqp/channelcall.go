package amqp

import amqp "github.com/rabbitmq/amqp091-go"

// channelCall calls f with an open channel. An error of f closes the channel.
type channelCall func(f func(*amqp.Channel) error) error

// onChannel returns a channelCall that opens a channel for each call and closes
// it.
func onChannel(c *amqp.Connection) channelCall {
	return func(f func(*amqp.Channel) error) error {
		ch, err := c.Channel()
		if err != nil {
			return err
		}
		if err := f(ch); err != nil {
			return err
		}
		return ch.Close()
	}
}

// onSpare is a channelCall that uses s.spare and opens it if necessary. The channel stays
// open for the next call, and finally for a channelPublisher, since opening and closing a
// channel costs two round trips.
func (s *session) onSpare(f func(*amqp.Channel) error) error {
	if s.spare == nil {
		ch, err := s.newChannel()
		if err != nil {
			return err
		}
		s.spare = ch
	}
	err := f(s.spare)
	if err != nil {
		s.spare = nil
	}
	return err
}

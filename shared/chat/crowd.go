package chat

import "hash/fnv"

// Crowd is a list of connections that notices go through: those of a server's
// members, or those that subscribed to a channel of it.
type Crowd struct {
	ServerID  string
	ChannelID string // whose subscribers they are; empty: the connections of the server's members
	Shard     int    // of the subscribers, from 0 to SubscriberShards-1; 0 for a server's members
}

// SubscriberShards is how many lists the subscribers of a channel are spread
// over, by their accounts: so many pushes at most go through them at the same time. Stored keys depend on it.
const SubscriberShards = 16

// ChannelRef names a channel.
type ChannelRef struct{ ServerID, ChannelID string }

// Crowd is the list that the row stands in.
func (p Presence) Crowd() Crowd {
	crowd := Crowd{ServerID: p.ServerID, ChannelID: p.ChannelID}
	if p.ChannelID != "" {
		crowd.Shard = ShardOf(p.Connection.AccountID, SubscriberShards)
	}
	return crowd
}

// ShardOf spreads ids evenly over n shards. It is FNV-1a, which no release of Go changes: stored keys depend on it.
func ShardOf(id string, n int) int {
	hash := fnv.New32a()
	hash.Write([]byte(id)) // never fails
	return int(hash.Sum32() % uint32(n))
}

// crowdsOf are the lists that connections of the account can stand in.
func crowdsOf(accountID string, servers []string, channels []ChannelRef) []Crowd {
	var crowds []Crowd
	for _, server := range servers {
		crowds = append(crowds, Crowd{ServerID: server})
	}
	for _, channel := range channels {
		crowds = append(crowds, Crowd{channel.ServerID, channel.ChannelID, ShardOf(accountID, SubscriberShards)})
	}
	return crowds
}

// subscribersOf are all lists of a channel's subscribers.
func subscribersOf(channel ChannelRef) []Crowd {
	crowds := make([]Crowd, SubscriberShards)
	for i := range crowds {
		crowds[i] = Crowd{ServerID: channel.ServerID, ChannelID: channel.ChannelID, Shard: i}
	}
	return crowds
}

//! The short form of a pool on AWS, turned into the full one.

use super::{
    NodePoolSpec, Provider,
    aws::Aws,
    join::{Join, JoinMode},
    volumes::{RootVolume, VolumeType},
};

impl NodePoolSpec {
    /// The same pool in full form: `region`, `instanceType` and `rootVolume` become `aws`, `cloudInit`
    /// becomes `join`. A spec that is in full form already comes back as it is.
    ///
    /// `cloudInit.joinToken` does not survive, so nothing downstream can render it: ask
    /// [`Self::has_join_token`] before, and report [`crate::conditions::JOIN_TOKEN_IGNORED`].
    ///
    /// The spec must have passed the CRD's validation; of a spec in both forms the full form wins.
    #[must_use]
    pub fn normalised(&self) -> Self {
        let mut spec = self.clone();
        let region = spec.region.take();
        let instance_type = spec.instance_type.take();
        let root_volume = spec.root_volume.take();
        let cloud_init = spec.cloud_init.take();
        if spec.provider != Provider::Aws {
            return spec;
        }
        if spec.aws.is_none()
            && let Some(region) = region
        {
            let root_volume = root_volume.map_or_else(RootVolume::default, |flat| match flat.volume_type {
                VolumeType::Gp3 => RootVolume { size_gib: flat.size, ..RootVolume::default() },
            });
            spec.aws = Some(Aws {
                region,
                instance_types: instance_type.into_iter().collect(),
                root_volume,
                ..Aws::default()
            });
        }
        if spec.join.is_none() {
            spec.join = cloud_init.and_then(|flat| flat.headscale_url).map(|url| Join {
                mode: JoinMode::AwsWebIdentity,
                headscale_url: Some(url),
                headscale_tags: Vec::new(),
                pre_auth_key_secret_ref: None,
            });
        }
        spec
    }

    /// Whether `cloudInit.joinToken` is set, which is reported and otherwise ignored.
    #[must_use]
    pub fn has_join_token(&self) -> bool {
        self.cloud_init.as_ref().is_some_and(|flat| flat.join_token.is_some())
    }
}
